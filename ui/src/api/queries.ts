// What is kept of the server's answers, and for how long. A session that is over is noticed here.
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "./client";

/** How often a page that shows pulls looks again, while somebody looks at it. */
export const LIVE = 2_000;

const lookWhoIsThere = (error: Error) => {
  // The next look at who is signed in tells whether the session is over or only this was not allowed.
  if (error instanceof ApiError && error.status === 401) queries.invalidateQueries({ queryKey: ["me"] });
};

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: lookWhoIsThere }),
  mutationCache: new MutationCache({ onError: lookWhoIsThere }),
  defaultOptions: {
    queries: {
      // What the server refused, it will refuse again; a server that was away may be back.
      retry: (count, error) => !(error instanceof ApiError) && count < 2,
      retryDelay: 1_000,
      staleTime: 1_000,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
