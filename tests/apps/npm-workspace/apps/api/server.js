const Hapi = require('@hapi/hapi')
const { greeting } = require('@fixture/greeting')

const port = process.env.PORT || 3000
const server = Hapi.server({ port, host: process.env.HOST })

server.route({ method: 'GET', path: '/', handler: () => greeting('npm-workspace', port) })
server.start()
