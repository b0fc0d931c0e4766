-- What creates something answers 201 and nothing else: where nothing is mounted, 202 comes, which wrk is content with.
dofile("ci/bench/told.lua")
wrong = 0

function response(status)
  if status ~= 201 then
    wrong = wrong + 1
  end
end
