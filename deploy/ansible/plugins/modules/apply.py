#!/usr/bin/python
# Copyright: the authors of hermes-svc
# MIT License (see LICENSE of hermes-svc)
"""Runs hermes-svc apply with a document."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: apply
short_description: Apply a document of services with hermes-svc
description:
  - Runs C(hermes-svc apply) with the document on its standard input.
  - As root the module works on the services of the machine and of every user.
version_added: 0.1.0
author:
  - The authors of hermes-svc (@OWNER)
options:
  document:
    description:
      - The document. I(dist/schemas/machine.schema.json) of the package hermes-svc is its schema.
    type: json
    required: true
  environment:
    description:
      - Variables that the document takes values from with C(fromEnv). Use it for secrets only.
      - No command line has the values. Ansible blanks each text of the result that contains one of them.
    type: dict
    default: {}
  program:
    description:
      - Name or path of hermes-svc.
    type: str
    default: hermes-svc
  prune:
    description:
      - Uninstall services of hermes-svc that the document does not declare.
    type: bool
    default: false
  force:
    description:
      - Replace files of hermes-svc that were edited by hand.
    type: bool
    default: false
  timeout:
    description:
      - How long one service may take to start or to stop, such as C(90s).
    type: str
attributes:
  check_mode:
    description: Runs C(hermes-svc apply --dry-run), and reports what a real run would change.
    support: full
  diff_mode:
    description: Shows the steps for each service and the diff of each file. Values that can be secret are not shown.
    support: full
requirements:
  - hermes-svc on the machine
"""

EXAMPLES = r"""
- name: Run one gateway
  become: true
  hermes.svc.apply:
    document:
      schemaVersion: 1
      services:
        - {profile: default, scope: system, account: hermes, env: {TELEGRAM_BOT_TOKEN: {fromEnv: TOKEN}}}
    environment:
      TOKEN: "{{ vault_telegram_token }}"
"""

RETURN = r"""
services:
  description: The services as hermes-svc apply --json has them, without their plans.
  returned: always
  type: list
  elements: dict
  sample:
    - {service: hermes-gateway.service, profile: default, scope: system, account: hermes, acts: [change, restart], changed: true, ok: true}
stderr_lines:
  description: What hermes-svc wrote on stderr.
  returned: always
  type: list
  elements: str
"""

import json

from ansible.module_utils.basic import AnsibleModule


def title_of(service):
    """The name of a service, for people."""
    name = service.get('service') or 'a service'
    where = [part for part in (service.get('account'), service.get('scope')) if part]
    return '%s (%s)' % (name, ', '.join(where)) if where else name


def error_text(error):
    """Why something failed, with the evidence and what to type next."""
    lines = [error.get('message', '')] + list(error.get('evidence') or [])
    lines += ['next: %s' % command for command in error.get('next') or []]
    return '\n'.join(lines)


def drift_text(drift):
    """What was changed by hand."""
    if drift.get('kind') == 'edited':
        return ('kept %s, which was edited by hand (force replaces it)' if drift.get('kept') else '%s was edited by hand') % drift['path']
    return '%s is %s by %s' % (drift.get('directive'), drift.get('merged') or 'empty', drift.get('setBy'))


def difference_text(difference):
    """A setting that differs from the document. A value that is not shown is null."""
    if difference.get('from') is None or difference.get('to') is None:
        return difference['name']
    return '%s %s -> %s' % (difference['name'], difference['from'], difference['to'])


def diff_text(services):
    """A plan as one text: each service, its steps, and the diff of each file."""
    lines = []
    for service in services:
        if not service['acts']:
            continue
        names = [difference_text(difference) for difference in service['differing']]
        lines.append('%s: %s%s' % (title_of(service), ', '.join(service['acts']), ' (%s)' % ', '.join(names) if names else ''))
        for plan in service['plans']:
            for step in plan['steps']:
                lines.append('  %s%s' % (step['why'], '' if step.get('when') is None else ' (%s)' % step['when']))
                lines += step.get('diff') or []
    return ''.join('%s\n' % line for line in lines)


class Run(object):
    """One run of hermes-svc apply."""

    def __init__(self, module, program, is_dry):
        params = module.params
        argv = [program, 'apply', '-', '--json', '--yes']
        argv += [flag for flag, wanted in (('--prune', params['prune']), ('--force', params['force']), ('--dry-run', is_dry)) if wanted]
        if params['timeout']:
            argv += ['--timeout', params['timeout']]
        environment = dict((name, str(value)) for name, value in params['environment'].items())
        self.is_dry = is_dry
        self.status, stdout, self.stderr = module.run_command(argv, data=params['document'], environ_update=environment)
        try:
            self.document = json.loads(stdout)
        except ValueError:
            self.document = {'error': {'message': 'hermes-svc apply ended with %d, and printed no JSON' % self.status, 'evidence': [stdout, self.stderr]}}

    @property
    def services(self):
        """The services of the result. Empty if hermes-svc refused the document."""
        return self.document.get('services') or []

    @property
    def changed(self):
        """Whether something was changed, or would be: a dry run itself never changes anything, so its acts count."""
        if self.is_dry:
            return any(service['acts'] for service in self.services)
        return bool(self.document.get('changed'))

    def failure(self):
        """Why the run failed, for people. None if it did not fail."""
        if self.document.get('error'):
            return error_text(self.document['error'])
        failed = ['%s: %s' % (title_of(service), error_text(service['error'])) for service in self.services if service.get('error')]
        if failed:
            return '\n'.join(failed)
        return None if self.status == 0 else 'hermes-svc apply ended with %d' % self.status


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec=dict(
            document=dict(type='json', required=True, no_log=True),
            environment=dict(type='dict', default={}, no_log=True),
            program=dict(type='str', default='hermes-svc'),
            prune=dict(type='bool', default=False),
            force=dict(type='bool', default=False),
            timeout=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    # Ansible would blank each word of the document in the result, "hermes" among them. hermes-svc prints no value of the document that can be secret, so it is enough to
    # blank the document as a whole.
    module.no_log_values = set([module.params['document']] + [str(value) for value in module.params['environment'].values() if value not in (None, '')])
    program = module.get_bin_path(module.params['program'], required=True)
    # Only a dry run prints the diffs of the files, so --diff needs one before the real run.
    plan = Run(module, program, True) if module.check_mode or module._diff else None
    run = plan if module.check_mode else Run(module, program, False)

    result = dict(
        changed=run.changed,
        services=[dict((name, value) for name, value in service.items() if name != 'plans') for service in run.services],
        stderr_lines=run.stderr.splitlines(),
    )
    if plan is not None and module._diff:
        result['diff'] = {'prepared': diff_text(plan.services)}
    for service in run.services:
        for text in [drift_text(drift) for drift in service.get('drift') or []] + list(service.get('warnings') or []):
            module.warn('%s: %s' % (title_of(service), text))
    failure = run.failure()
    if failure is not None:
        module.fail_json(msg=failure, rc=run.status, **result)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
