"""Networks that are broken in one known way, and healthy ones: what the doctor is measured by.

`sick.py` and `well.py` make the cases of a `World`: a choice of data sets, sizes, settings and seeds. The half
`development` was looked at while the rules and their numbers were written; the half `held_out` has other data, other
networks and other seeds, and was run only when they were done. `trial.py` runs a case and judges what the doctor says.
"""
