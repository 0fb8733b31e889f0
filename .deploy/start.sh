#!/bin/sh
# Starts one process of the app, from the folder above: start.sh PORT. Settings come from the environment (env.example).
set -eu
cd "$(dirname "$0")/.."
: "${GPTSCOPE_HOST:?is not set: the name that people type, such as class.example.org}"
: "${GPTSCOPE_SECRET:?is not set: take the output of: openssl rand -hex 32}"
port=${1:-${GPTSCOPE_PORT:?is not set, and start.sh was given no port}}

export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" # so that only its packages need be installed
export STREAMLIT_SERVER_COOKIE_SECRET="$GPTSCOPE_SECRET" # all processes have the same; everybody sees a command line
export GPTSCOPE_SHARED="${GPTSCOPE_SHARED:-1}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # the processes share the cores: threads of each would wait for each other
set -- "--server.port=$port" "--server.address=${GPTSCOPE_ADDRESS:-127.0.0.1}" --server.headless=true \
    "--server.baseUrlPath=${GPTSCOPE_PREFIX:-}" "--server.maxUploadSize=${GPTSCOPE_UPLOAD_MB:-256}"
for host in $GPTSCOPE_HOST; do
    set -- "$@" "--server.allowedHosts=$host"
done
exec python -m app.command ${GPTSCOPE_MODEL:+"$GPTSCOPE_MODEL"} "$@"
