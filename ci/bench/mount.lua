-- Mounts a blob into a repository that nobody has seen: REPOSITORY DIGEST STAMP.
dofile("ci/bench/created.lua")
local prefix, suffix
local number = 0

function init(args)
  prefix = "/v2/mount/" .. args[3] .. "-"
  suffix = "/blobs/uploads/?mount=" .. args[2] .. "&from=" .. args[1]
end

function request()
  number = number + 1
  return wrk.format("POST", prefix .. number .. suffix, nil, "")
end
