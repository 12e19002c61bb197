"""What Home Assistant's hassfest and HACS would reject, as functions from parsed files to a list of complaints.

hassfest itself comes as a container only; these run offline. tests/test_files.py holds the integration against them,
tests/test_checks.py shows that each of them can complain.
"""
