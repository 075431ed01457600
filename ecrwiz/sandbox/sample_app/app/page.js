import { posts } from './posts'

// Rendered per request, so that the page shows the process that answered.
export const dynamic = 'force-dynamic'

export default function Home() {
  return (
    <main>
      <header>
        <img src="/harbour.svg" alt="" width="56" height="56" />
        <div>
          <h1>The harbour log</h1>
          <p>Notes from a team that ships containers.</p>
        </div>
      </header>
      {posts.map((post) => (
        <article key={post.title}>
          <time dateTime={post.date}>{post.date}</time>
          <h2>{post.title}</h2>
          <p>{post.text}</p>
        </article>
      ))}
      <footer>
        Served by Node {process.version} on port {process.env.PORT ?? '3000'} ·{' '}
        <a href="/api/health">health</a>
      </footer>
    </main>
  )
}
