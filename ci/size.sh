#!/usr/bin/env bash
# The model stays short enough to read in one sitting, and no file grows long.
set -euo pipefail
cd "$(dirname "$0")/.."

# The design asks for under 2,000. This is lowered as the model shrinks, and never raised.
model_budget=2650
longest_file=550

failures=0
lines=$(find model/src -name '*.rs' ! -name tests.rs ! -path '*/tests/*' -exec cat {} + | grep -cvE '^\s*(//|$)')
echo "size: the model has $lines lines of code of $model_budget"
if ((lines > model_budget)); then
  echo "size: the model is $((lines - model_budget)) lines over; make it shorter" >&2
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
