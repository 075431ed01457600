import Fastify from 'fastify'

const port: number = Number(process.env.PORT ?? 3000)
const app = Fastify()

app.get('/', async (): Promise<string> => `fixture fastify-tsx on port ${port}`)

await app.listen({ port, host: '0.0.0.0' })
