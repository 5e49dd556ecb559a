"""Processing of cohorts: thousands of photographs in, one table out.

A job is a list of inputs, split into tasks. Any process can process a task and then writes one part
file with the records. A job is complete when the part files contain all inputs. `results.csv` is
joined from the part files.

    collect -> job -> tasks -> processor (in worker processes) -> parts -> merge -> table, page
"""
