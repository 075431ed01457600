import type { NextConfig } from 'next'
import { headers } from './headers'

const nextConfig: NextConfig = {
  poweredByHeader: false,
  headers: async () => [{ source: '/(.*)', headers }],
}

export default nextConfig
