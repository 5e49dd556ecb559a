#!/usr/bin/env bash
# action.yml calls this script to convert the action's inputs to arguments of `edgeseg gate`. An
# input with several values contains one value per line.
set -euo pipefail

arguments=("$BASELINE")
lines() {  # lines OPTION TEXT: OPTION once for each line that is not blank
    while IFS= read -r line; do
        line="${line#"${line%%[![:space:]]*}"}"
        line="${line%"${line##*[![:space:]]}"}"
        [[ -z "$line" ]] || arguments+=("$1" "$line")
    done <<< "$2"
}
lines --model "${MODEL:-}"
lines --data "${DATA:-}"
lines --max-dice-drop "${MAX_DICE_DROP:-}"
lines --max-photograph-drop "${MAX_PHOTOGRAPH_DROP:-}"
lines --max-size-growth "${MAX_SIZE_GROWTH:-}"
lines --max-latency-ratio "${MAX_LATENCY_RATIO:-}"
lines --max-memory-ratio "${MAX_MEMORY_RATIO:-}"
lines --summary "${SUMMARY:-}"

exec "${EDGESEG:-edgeseg}" gate "${arguments[@]}"
