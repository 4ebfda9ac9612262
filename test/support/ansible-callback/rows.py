"""Writes a line of JSON for each result of a task, and one for the figures of each machine, into $ANSIBLE_TEST_ROWS."""

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = '''
name: rows
type: notification
short_description: results as JSON Lines
description: for the tests of hermes-svc
'''


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'rows'

    def put(self, **row):
        with open(os.environ['ANSIBLE_TEST_ROWS'], 'a', encoding='utf-8') as file:
            file.write(json.dumps(row, default=str) + '\n')

    def result(self, result, outcome):
        # What becomes of a loop is in the results of its items.
        self.put(host=result._host.name, task=result.task_name.split(' : ')[-1], outcome=outcome, result=result._result)

    def v2_runner_on_ok(self, result):
        self.result(result, 'changed' if result._result.get('changed') else 'ok')

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.result(result, 'failed')

    def v2_runner_on_unreachable(self, result):
        self.result(result, 'unreachable')

    def v2_playbook_on_stats(self, stats):
        for host in stats.processed:
            self.put(host=host, stats=stats.summarize(host))
