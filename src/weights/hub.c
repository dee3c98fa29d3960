/* hub.c - finds a snapshot in the hub cache.
 *
 *   CACHE/models--OWNER--NAME/refs/main                the commit that "main" stood for
 *   CACHE/models--OWNER--NAME/snapshots/COMMIT/...     links into ../../blobs */

#include "weights/hub.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define MAX_REF 256

/* Letters, digits, '-', '_', '.'; not starting with '.', so that no part leads out of the cache. */
static bool is_part(const char *text, size_t n)
{
    if (n == 0 || n > 96 || text[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("-_.", text[i]) == NULL)
            return false;
    return true;
}

bool ds__hub_is_name(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash != NULL && is_part(text, (size_t)(slash - text)) &&
           is_part(slash + 1, strlen(slash + 1));
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The cache folder, and in *why the setting that names it. */
static const char *cache_folder(ds_arena *a, const char **why)
{
    static const struct {
        const char *variable, *below;
    } rules[] = {
        { "HF_HUB_CACHE", "" },
        { "HF_HOME", "/hub" },
        { "XDG_CACHE_HOME", "/huggingface/hub" },
        { "HOME", "/.cache/huggingface/hub" },
    };

    for (size_t i = 0; i < DS_COUNT(rules); i++) {
        const char *value = variable(rules[i].variable);

        *why = rules[i].variable;
        if (value != NULL)
            return ds__arena_printf(a, "%s%s", value, rules[i].below);
    }
    *why = "the working folder, for want of HOME";
    return ds__arena_printf(a, ".cache/huggingface/hub");
}

static bool is_model(ds_arena *a, const char *snapshot)
{
    const char *index = ds__arena_printf(a, "%s/model_index.json", snapshot);
    struct stat s;

    return index != NULL && stat(index, &s) == 0 && S_ISREG(s.st_mode);
}

/* The snapshot of refs/main, or NULL. */
static const char *main_snapshot(ds_arena *a, const char *repo)
{
    const char *ref = ds__arena_printf(a, "%s/refs/main", repo), *snapshot = NULL;
    char *commit = NULL;
    size_t n;

    if (ref == NULL || ds__file_read(&commit, &n, ref, MAX_REF, NULL) != DS_OK)
        return NULL;
    while (n > 0 && isspace((unsigned char)commit[n - 1]))
        commit[--n] = '\0';
    if (is_part(commit, n))
        snapshot = ds__arena_printf(a, "%s/snapshots/%s", repo, commit);
    ds_free(commit);
    return snapshot != NULL && is_model(a, snapshot) ? snapshot : NULL;
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The newest snapshot that holds a model; of two with one time the one that sorts last. */
static const char *newest_snapshot(ds_arena *a, const char *repo)
{
    const char *folder = ds__arena_printf(a, "%s/snapshots", repo), *best = NULL;
    DIR *d = folder != NULL ? opendir(folder) : NULL;
    struct timespec time = { 0 };
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        const char *path = is_part(e->d_name, strlen(e->d_name))
                               ? ds__arena_printf(a, "%s/%s", folder, e->d_name)
                               : NULL;
        struct stat s;

        if (path == NULL || stat(path, &s) != 0 || !is_model(a, path))
            continue;
        if (best == NULL || is_newer(&s.st_mtim, &time) ||
            (!is_newer(&time, &s.st_mtim) && strcmp(path, best) > 0)) {
            best = path;
            time = s.st_mtim;
        }
    }
    if (d != NULL)
        closedir(d);
    return best;
}

ds_status ds__hub_find(const char **out, ds_arena *a, const char *name, ds_error *err)
{
    const char *why, *cache = cache_folder(a, &why), *slash = strchr(name, '/');
    const char *repo;

    *out = NULL;
    repo = cache == NULL ? NULL
                         : ds__arena_printf(a, "%s/models--%.*s--%s", cache, (int)(slash - name),
                                            name, slash + 1);
    if (repo == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a path", name);
    *out = main_snapshot(a, repo);
    if (*out == NULL)
        *out = newest_snapshot(a, repo);
    if (*out != NULL)
        return DS_OK;
    ds_fail(err, DS_E_IO,
            "%s: expected a folder of that name, or in the hub cache (by %s) "
            "%s/snapshots/*/model_index.json; found neither. Nothing is downloaded: "
            "`huggingface-cli download %s` fetches it",
            name, why, repo, name);
    return ds_fail_at(err, DS_E_IO, name, -1);
}
