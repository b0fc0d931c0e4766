-- Pushes a manifest under another tag each time, and never the same: REPOSITORY STAMP MANIFEST, in which @ is what differs.
dofile("ci/bench/created.lua")
local path, stamp, before, after
local number = 0

function init(args)
  path, stamp = "/v2/" .. args[1] .. "/manifests/", args[2]
  before, after = args[3]:match("^([^@]*)@([^@]*)$")
  wrk.headers["Content-Type"] = "application/vnd.oci.image.manifest.v1+json"
end

function request()
  number = number + 1
  local name = stamp .. "-" .. number
  return wrk.format("PUT", path .. name, nil, before .. name .. after)
end
