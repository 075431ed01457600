export default defineEventHandler(() => ({ port: process.env.PORT }))
