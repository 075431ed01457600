import { greeting } from '@fixture/words'

export const dynamic = 'force-dynamic'

export default function Home() {
  return <p>{greeting('next-workspace', process.env.PORT)}</p>
}
