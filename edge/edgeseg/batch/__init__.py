"""A cohort: thousands of photographs, one table.

A job is a list of inputs, split into tasks. A task is processed by any process and leaves one part
file with its records; a job is complete when every input is in a part file. `results.csv` is
joined from the part files.

    collect -> job -> tasks -> processor (in worker processes) -> parts -> merge -> table, page
"""
