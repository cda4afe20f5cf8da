#!/bin/sh
# Install Chromium, in which the tests open the HTML report.  It is a system package: where this
# cannot install it, say how, and go on; the tests that need it then skip and say so themselves.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    { $as_root apt-get install -y -qq --no-install-recommends chromium ||
        { $as_root apt-get update -qq &&
            $as_root apt-get install -y -qq --no-install-recommends chromium; }
    } >/dev/null 2>&1
fi
command -v chromium >/dev/null 2>&1 ||
    echo "note: Chromium is NOT installed, so the HTML report goes untested in a browser: apt-get install chromium" >&2
exit 0
