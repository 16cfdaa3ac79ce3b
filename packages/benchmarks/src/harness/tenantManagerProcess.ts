/** A tenant manager that lists as many tenants as the first segment of the path says. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { listBody } from "../traffic.js"

const bodies = new Map<number, Buffer>()

const bodyOf = (tenants: number): Buffer => {
  const known = bodies.get(tenants)
  if (known !== undefined) return known
  const body = Buffer.from(listBody(tenants))
  bodies.set(tenants, body)
  return body
}

const server = createServer((request, response) => {
  const [, tenants] = /^\/(\d+)\/v1\/tenants\/active(?:\?|$)/.exec(request.url ?? "") ?? []
  if (tenants === undefined) {
    response.writeHead(404).end()
    return
  }
  const body = bodyOf(Number(tenants))
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length })
  response.end(body)
})

server.listen(0, "127.0.0.1", () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on("disconnect", () => process.exit(0))
