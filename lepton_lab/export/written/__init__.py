"""Programs that are handed out: each file stands on its own, without Lepton Lab.

The names between the two marks at the head of a file are placeholders; an export writes what was learnt there. Nothing
here may import `lepton_lab`.
"""
