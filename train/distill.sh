#!/bin/bash
# Distillation on one GPU: soft labels, then a student and a finer teacher in parallel.
# usage: train/distill.sh DATA OUT MINUTES [TEACHER.pt ...]
# DATA contains CHASEDB1, HRF, FIVES, AVRDB and unlabelled. HOW replaces the options of both runs.
set -euo pipefail
DATA=$1 OUT=$2 MINUTES=$3
shift 3
LEAN=train/checkpoints/lean.pt
HOW=${HOW:---size 704 --size detail=1408 --crop 384 --batch 64 --arithmetic bfloat16-nhwc}
SETS="--data chasedb1:$DATA/CHASEDB1 --data hrf:$DATA/HRF --data fives:$DATA/FIVES"
TEACHERS=$(printf -- '--teacher %s ' "$LEAN" "$@")

# shellcheck disable=SC2086 # the variables contain several options
{
python -m edgeseg label $TEACHERS $SETS --out "$OUT/soft" \
    "$DATA/AVRDB/images" "$DATA/unlabelled/IDRiD" "$DATA/unlabelled/HVDROPDB"
python -m edgeseg train $SETS $HOW --soft-labels "$OUT/soft" --simulated-cameras 0.25 \
    --start "$LEAN" --learning-rate 2e-3 --minutes "$MINUTES" --seed 21 --out "$OUT/student" \
    > "$OUT/student.log" 2>&1 & student=$!
python -m edgeseg train $SETS $HOW --simulated-cameras 0.25 \
    --arch compact-fine --minutes "$MINUTES" --seed 22 --out "$OUT/teacher" \
    > "$OUT/teacher.log" 2>&1 & teacher=$!
}
trap 'tail -n 12 "$OUT"/*.log' EXIT
wait $student
wait $teacher
