import { greeting } from '@fixture/words'
import Fastify from 'fastify'

const port: number = Number(process.env.PORT ?? 3000)
const app = Fastify()

app.get('/', async (): Promise<string> => greeting('turborepo', port))

await app.listen({ port, host: process.env.HOST ?? '0.0.0.0' })
