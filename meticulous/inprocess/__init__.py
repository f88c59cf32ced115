"""What :class:`meticulous.Experiment` is made of: a script that records itself."""
