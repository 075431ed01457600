const http = require('http')

const port = process.env.PORT || 3000

http
  .createServer((request, response) => response.end(`fixture main-only on port ${port}`))
  .listen(port, process.env.HOSTNAME)
