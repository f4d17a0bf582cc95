"""The executable edition of the Deep Learning Tuning Playbook's chapter on optimization failures.

Reading order: equations, updates, schedules, clipping, layers, problems, training, diagnosis, figures,
widgets. Ids such as R5 or S1 are clauses of the playbook.
"""

__version__ = "0.1.0"
