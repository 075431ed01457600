import './globals.css'

export const metadata = {
  title: 'The harbour log',
  description: 'A small blog, served from a container image.',
}

export default function RootLayout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  )
}
