require('node:http')
  .createServer((request, response) => response.end(`fixture pm2 on port ${process.env.PORT}`))
  .listen(process.env.PORT || 3000, process.env.HOSTNAME)
