"""Puts into a program of Python's what it is compiled to, beside its text: a program that is started is compiled anew each time, which is half of a start
of the stand-in gateway, and tests start it thousands of times. A fifth of the rest is what python3 looks for in folders of packages, so it is told not to.

argv: the program, which begins with `#!/usr/bin/env python3`.
"""
import base64
import marshal
import os
import sys

program = sys.argv[1]
with open(program, encoding="utf-8") as handle:
    text = handle.read()
compiled = base64.b64encode(marshal.dumps(compile(text, program, "exec", optimize=0)))
temporary = f"{program}.{os.getpid()}.tmp"
with open(temporary, "w", encoding="ascii") as handle:
    handle.write(f"""#!/usr/bin/env -S python3 -S
# Made by test/support/compile-python.py; `npm run build` makes it as it is published.
import binascii, marshal, sys
COMPILED = {compiled}
TEXT = {text!a}
exec(marshal.loads(binascii.a2b_base64(COMPILED)) if sys.implementation.cache_tag == {sys.implementation.cache_tag!a} else TEXT)
""")
os.chmod(temporary, 0o755)
os.rename(temporary, program)
