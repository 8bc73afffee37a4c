#!/bin/sh
# Makes .venv with a Python that the wheels in the lock exist for: $PYTHON if given, else the first of these that runs.
# "Runs" is tried: a name on PATH may be a version switcher's placeholder, and Debian's python3 may come without ensurepip.
set -eu
fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'

rm -rf .venv
bare=
for python in ${PYTHON:-python3.12 python3.11 python3.13 python3.14 python3}; do
    "$python" -c "$fits" 2>/dev/null || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        exec "$python" -m venv .venv
    fi
    bare=${bare:-$python}
done

if [ -z "$bare" ]; then
    echo "Signoff needs Python 3.11 to 3.14: install one, or name it with \`make PYTHON=/path/to/python\`." >&2
    exit 1
fi
# A Python without ensurepip: the environment is made empty, and the machine's own pip, if there is one, puts pip into it.
if "$bare" -m pip --version >/dev/null 2>&1; then
    "$bare" -m venv --without-pip .venv
    exec "$bare" -m pip --python .venv/bin/python install --quiet pip
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "$bare comes without pip here: installing Debian's python3-venv." >&2
    apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null
    exec "$bare" -m venv .venv
fi
echo "$bare comes without pip here: \`sudo apt-get install python3-venv\`, then the same again." >&2
exit 1
