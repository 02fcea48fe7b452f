"""The engine: trains any module on any data in a background thread, steered and recorded while it runs.

Here live the loop, what a run is, its controls, its history and its checkpoints. Nothing here draws, prints from
the training thread, writes to a store or knows a notebook: upper layers plug in through `recording`.
"""
