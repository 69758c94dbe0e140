// Who is signed in, and what they may do. The server decides what is allowed; this decides what is shown.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError, api, body, type Model, signOut } from "@/api/client";

const ME = ["me"];

/** Who is signed in; null: nobody. Undefined while that is not known yet. */
export function useMe(): Model<"UserResp"> | null | undefined {
  const { data } = useQuery({
    queryKey: ME,
    staleTime: 60_000,
    queryFn: async () => {
      try {
        return await body(api.GET("/api/v2.0/users/current"));
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
  return data;
}

/** What the server says of itself: more to those who signed in. */
export function useSystemInfo() {
  const me = useMe();
  return useQuery({
    queryKey: ["system-info", me?.user_id],
    staleTime: 60_000,
    queryFn: () => body(api.GET("/api/v2.0/systeminfo")),
  }).data;
}

export type May = (resource: string, action: string) => boolean;

const nothing: May = () => false;

function usePermissions(scope: string | null): May {
  const me = useMe();
  const { data } = useQuery({
    queryKey: ["permissions", me?.user_id, scope],
    enabled: !!me && scope !== null,
    staleTime: 30_000,
    queryFn: async () => {
      const query = { scope: scope ?? undefined, relative: true };
      const allowed = await body(api.GET("/api/v2.0/users/current/permissions", { params: { query } }));
      return new Set(allowed.map((permission) => `${permission.resource} ${permission.action}`));
    },
  });
  return data ? (resource, action) => data.has(`${resource} ${action}`) : nothing;
}

/** What the caller may do outside of projects. */
export function useMay(): May {
  return usePermissions("/system");
}

/** What the caller may do in a project. */
export function useMayInProject(id: number | undefined): May {
  return usePermissions(id === undefined ? null : `/project/${id}`);
}

/** Forgets everything that was shown to somebody, and looks anew who is there. */
export function useForget(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    client.removeQueries({ predicate: (query) => query.queryKey[0] !== ME[0] });
    await client.invalidateQueries({ queryKey: ME });
  }, [client]);
}

export function useSignOut(): () => Promise<void> {
  const forget = useForget();
  return useCallback(async () => {
    await signOut();
    await forget();
  }, [forget]);
}

export { ME };
