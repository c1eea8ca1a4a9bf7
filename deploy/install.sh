#!/bin/sh
# Installs dgo into a virtual environment of its own while the image is built, and clears up after itself.
#
#   install.sh SOURCE TARGET
#
# A virtual environment works alike on an image whose Python is free to use and on Debian's, which refuses pip outside
# one (PEP 668). If SOURCE holds any wheel, pip takes everything from there and asks no index.
set -eu
source=$1 target=$2

offline=
for wheel in "$source"/*.whl; do
    if [ -e "$wheel" ]; then
        offline="--no-index --find-links=$source"
    fi
done

python3 -m venv "$target"
# shellcheck disable=SC2086  # two words on purpose
"$target/bin/python" -m pip install --no-cache-dir --disable-pip-version-check $offline "$source"
"$target/bin/python" -m pip check

# The user of the image, for programs that look their own name up; nothing of the file system is theirs.
echo 'dgo:x:65532:65532:dgo:/tmp:/usr/sbin/nologin' >> /etc/passwd
echo 'dgo:x:65532:' >> /etc/group

rm -rf "$source"
