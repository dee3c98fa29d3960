/* Any bytes as the index of a sharded file. What is accepted names only files of that folder. */

#include "fuzz/support.h"

#include <string.h>

#include "weights/names.h"
#include "weights/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_arena a = { 0 };
    ds_shards s = { .index_path = "index" };
    ds_error err = { 0 };
    ds_status st = ds__json_parse(&s.index, (const char *)data, size, "index", &err);

    if (st == DS_OK)
        st = ds__shards_list(&s, &a, "folder", &err);
    if (st == DS_OK) {
        const char *tensor;
        json_t *file;
        char buf[256];

        for (int64_t i = 0; i < s.count; i++)
            FZ_HOLDS(strncmp(s.path[i], "folder/", 7) == 0 && s.path[i][7] != '.' &&
                     strchr(s.path[i] + 7, '/') == NULL);
        json_object_foreach (json_object_get(s.index, "weight_map"), tensor, file) {
            ds_tensor t = { .rank = 4, .dim = { 2, 2, 1, 1 } };
            const char *name = ds__names_modern(tensor, buf, sizeof buf);

            FZ_HOLDS(ds__shards_file_of(&s, tensor) != NULL);
            ds__names_flatten(name, &t);
            FZ_HOLDS(t.rank == 4 || t.rank == 2);
        }
    } else {
        FZ_HOLDS(err.text[0] != '\0');
    }
    ds__shards_free(&s);
    ds__arena_free(&a);
    return 0;
}
