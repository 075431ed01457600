export const dynamic = 'force-dynamic'

export default function Home() {
  return <p>{`fixture next-no-public on port ${process.env.PORT}`}</p>
}
