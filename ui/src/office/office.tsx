/** Who is not signed in signs in; everybody else gets the frame and the page of the address. */
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { Suspense } from "react";
import { Lost, Problem } from "../api/client";
import { Button } from "../design";
import { useWords } from "../words";
import {
  Failed,
  Frame,
  Heading,
  LiveUpdates,
  Loading,
  NoPermission,
  Nothing,
  PlatformTime,
  useMay,
} from "./kit";
import { readSearch, writeSearch } from "./kit/address";
import { useTheme } from "./kit/frame";
import { SignedIn, useWhoIsThere, WHO } from "./kit/session";
import { PAGES, type OfficePage } from "./pages";
import { useRail } from "./rail";
import { SignIn } from "./signin";
import { CATALOGUE } from "./words";

const RETRIES = 2;

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (failure, query) => {
      // A session that has ended ends for every page at once.
      const ended =
        failure instanceof Problem && failure.status === 401 && query.queryKey[0] !== WHO[0];
      if (ended) queries.setQueryData(WHO, null);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A lost connection is asked again; a refusal is an answer.
      retry: (count, failure) =>
        count < RETRIES && (failure instanceof Lost || isOverloaded(failure)),
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});

function isOverloaded(failure: unknown): boolean {
  return failure instanceof Problem && (failure.status === 503 || failure.status === 429);
}

const root = createRootRoute({ component: Framed, notFoundComponent: NotHere });
const router = createRouter({
  routeTree: root.addChildren(
    PAGES.map((page) =>
      createRoute({
        getParentRoute: () => root,
        path: page.path,
        component: () => <Permitted page={page} />,
      }),
    ),
  ),
  basepath: "/office",
  parseSearch: readSearch,
  stringifySearch: writeSearch,
  defaultPreload: false,
  trailingSlash: "never",
});

export function Office() {
  return (
    <QueryClientProvider client={queries}>
      <Door />
    </QueryClientProvider>
  );
}

function Door() {
  useTheme();
  const words = useWords(CATALOGUE);
  const there = useWhoIsThere();
  if (there.data) {
    return (
      <SignedIn who={there.data} key={`${there.data.tenant} ${there.data.mode}`}>
        <PlatformTime>
          <LiveUpdates>
            <RouterProvider router={router} />
          </LiveUpdates>
        </PlatformTime>
      </SignedIn>
    );
  }
  if (there.data === null) return <SignIn />;
  return (
    <main className="mx-auto max-w-120 p-4">
      <h1 className="sr-only">{words.office}</h1>
      {there.isError ? (
        <Failed failure={there.error} again={() => void there.refetch()} />
      ) : (
        <Loading rows={4} />
      )}
    </main>
  );
}

function Framed() {
  const rail = useRail();
  return (
    <Frame rail={rail}>
      <Suspense fallback={<Loading rows={6} />}>
        <Outlet />
      </Suspense>
    </Frame>
  );
}

function Permitted({ page }: { readonly page: OfficePage }) {
  const may = useMay();
  const words = useWords(CATALOGUE);
  if (page.permission && !may(page.permission)) {
    return (
      <>
        <Heading title={words.noPermission} />
        <NoPermission permission={page.permission} />
      </>
    );
  }
  const Page = page.component;
  return <Page />;
}

function NotHere() {
  const words = useWords(CATALOGUE);
  return (
    <>
      <Heading title={words.notFound} />
      <Nothing title={words.noSuchPage}>
        <Button onClick={() => void router.navigate({ to: "/" })}>{words.home}</Button>
      </Nothing>
    </>
  );
}
