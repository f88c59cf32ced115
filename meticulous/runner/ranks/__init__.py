"""Several recorders of one run: rank 0 records, the others take part and are waited for."""
