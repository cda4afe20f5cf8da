#!/bin/sh
# Install bubblewrap, which isolates the code that coding tasks run.  It is a system package:
# where this cannot install it, say how, and go on; coding tasks then say so themselves.
command -v bwrap >/dev/null 2>&1 && exit 0
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1; then
    echo "Installing bubblewrap ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    { $as_root apt-get install -y -qq bubblewrap ||
        { $as_root apt-get update -qq && $as_root apt-get install -y -qq bubblewrap; }
    } >/dev/null 2>&1
fi
command -v bwrap >/dev/null 2>&1 ||
    echo "note: bubblewrap is not installed, so coding tasks and their tests cannot run: apt-get install bubblewrap" >&2
exit 0
