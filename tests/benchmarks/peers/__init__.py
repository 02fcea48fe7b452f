"""One small program for each library that `bench_peers` measures, and what they do alike.

Each is run as a module in the library's own environment and prints one line of JSON. Nothing here imports
`lepton_lab`, except `on_lepton`.
"""
