"""Processing of cohorts: segment thousands of photographs and write one table of results.

A job is a list of inputs, split into tasks. Each task can be processed by any worker process, which
writes one part file with the records. A job is complete when the part files contain all inputs.
`results.csv` is written from the part files.

    collect -> job -> tasks -> processor (in worker processes) -> parts -> merge -> table, page
"""
