#!/usr/bin/env bash
# The model stays short enough to read in one sitting, and no file grows long.
set -euo pipefail
cd "$(dirname "$0")/.."

# The design asks for under 2,000. This is lowered as the model shrinks, and raised only for a rule that was wrong or missing.
# Counted is the specification: what decides what a registry may do. `words/` is not: it only puts into prose what was decided,
# and whoever reads what a registry is can leave it out.
model_budget=2260
longest_file=550

failures=0
mapfile -t specification < <(find model/src -name '*.rs' ! -path 'model/src/words/*' ! -name tests.rs ! -path '*/tests/*')
lines=$(cat "${specification[@]}" | grep -cvE '^\s*(//|$)')
echo "size: the model has $lines lines of code of $model_budget"
if ((lines > model_budget)); then
  echo "size: the model is $((lines - model_budget)) lines over; make it shorter" >&2
  failures=1
fi
if grep -nE 'words::' "${specification[@]}" | grep -v '^model/src/lib.rs:'; then
  echo "size: the specification uses words/, which is not counted as a part of it" >&2
  failures=1
fi

mapfile -d '' -t files < <(git ls-files -z --cached --others --exclude-standard -- '*.rs' '*.sh' .ci/run)
for file in "${files[@]}"; do
  [[ -f $file ]] || continue
  length=$(wc -l <"$file")
  if ((length > longest_file)); then
    echo "size: $file has $length lines, at most $longest_file; split it by subject" >&2
    failures=1
  fi
done

exit "$failures"
