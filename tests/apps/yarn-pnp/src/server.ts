import Koa from 'koa'

const port: number = Number(process.env.PORT ?? 3000)
const app = new Koa()

app.use((context: Koa.Context) => {
  context.body = `fixture yarn-pnp on port ${port}`
})

app.listen(port)
