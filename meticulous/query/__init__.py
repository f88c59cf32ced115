"""Questions about many runs: filter, group, sort, and the disposable index that answers them."""
