-- The same request, again and again. wrk knows by itself how to make it.
dofile("ci/bench/told.lua")
