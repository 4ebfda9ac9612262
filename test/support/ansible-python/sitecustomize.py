"""What Ansible brings with each module, in source alone, is compiled once on a machine, and not for each task: half of what most modules take."""

import _imp
import marshal
import os
import zipimport

FOLDER = '/var/cache/ansible-python'
compile_source = zipimport._compile_source


def compile_once(pathname, source):
    if '/ansible/' not in pathname:
        return compile_source(pathname, source)
    file = '%s/%s' % (FOLDER, _imp.source_hash(len(source), source).hex())
    try:
        with open(file, 'rb') as cached:
            return marshal.load(cached)
    except OSError:
        code = compile_source(pathname, source)
    # An account other than root compiles what root has not.
    if os.geteuid() == 0:
        os.makedirs(FOLDER, exist_ok=True)
        with open(file, 'wb') as cached:
            marshal.dump(code, cached)
    return code


zipimport._compile_source = compile_once
# Of the module alone, and not of what it starts.
os.environ.pop('PYTHONPATH', None)
