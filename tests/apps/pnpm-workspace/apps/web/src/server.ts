import { greeting } from '@fixture/lib'
import express from 'express'

const port: number = Number(process.env.PORT ?? 3000)
const app = express()

app.get('/', (request, response) => {
  response.send(greeting('pnpm-workspace', port))
})

app.listen(port)
