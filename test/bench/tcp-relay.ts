// The row "raw TCP relay": every byte is passed on, nothing is looked at. What Node's sockets cost.
import net from 'node:net'

const [port, upstreamPort] = process.argv.slice(2).map(Number)

const server = net.createServer({ noDelay: true }, (client) => {
  const upstream = net.connect({ port: upstreamPort!, host: '127.0.0.1', noDelay: true })
  client.on('data', (chunk) => void upstream.write(chunk))
  upstream.on('data', (chunk) => void client.write(chunk))
  client.on('close', () => upstream.destroy()).on('error', () => upstream.destroy())
  upstream.on('close', () => client.destroy()).on('error', () => client.destroy())
})

server.listen(port, '127.0.0.1')
