export const dynamic = 'force-dynamic'

export default function Home() {
  return <p>{`fixture next-ts-plain on port ${process.env.PORT}`}</p>
}
