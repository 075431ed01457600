import { createServer } from 'node:http'
import sharp from 'sharp'

const picture = sharp({ create: { width: 640, height: 480, channels: 3, background: { r: 20, g: 90, b: 160 } } })

const server = createServer(async (request, response) => {
  const small = await picture.clone().resize(64).webp().toBuffer()
  response.writeHead(200, { 'content-type': 'image/webp' })
  response.end(small)
})

server.listen(Number(process.env.PORT ?? 3000))
