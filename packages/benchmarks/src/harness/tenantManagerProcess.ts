/**
 * A tenant manager whose path selects the answer: `/100/v1/tenants/active` lists 100 tenants,
 * `/100@200/v1/tenants/active` does so after 200 ms. It answers the order `Most` with the greatest
 * number of simultaneous lists since the last such order.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { listBody } from "../traffic.js"

const bodies = new Map<number, Buffer>()
let [inFlight, most] = [0, 0]

const bodyOf = (tenants: number): Buffer => {
  const known = bodies.get(tenants)
  if (known !== undefined) return known
  const body = Buffer.from(listBody(tenants))
  bodies.set(tenants, body)
  return body
}

const server = createServer((request, response) => {
  const path = /^\/(\d+)(?:@(\d+))?\/v1\/tenants\/active(?:\?|$)/.exec(request.url ?? "")
  if (path === null) {
    response.writeHead(404).end()
    return
  }
  const [, tenants, delay] = path
  most = Math.max(most, ++inFlight)
  response.once("close", () => inFlight--)
  const answer = () => {
    const body = bodyOf(Number(tenants))
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length })
    response.end(body)
  }
  if (delay === undefined) answer()
  else setTimeout(answer, Number(delay))
})

server.listen(0, "127.0.0.1", () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on("message", () => {
  process.send?.(most)
  most = inFlight
})
process.on("disconnect", () => process.exit(0))
