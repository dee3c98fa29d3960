/* test_out_folder.c - files and folders appear whole; links, pipes and what others are writing stay. */

#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64];

static const char *put(const char *name, const char *text)
{
    const char *path = ts_path(dir, "%s", name);
    ds_error err = { 0 };

    ts_ok(ds__file_write(path, text, strlen(text), &err), &err);
    return path;
}

static bool holds(const char *name, const char *text)
{
    char *found;
    size_t n;
    bool same;

    if (ds__file_read(&found, &n, ts_path(dir, "%s", name), 1000, NULL) != DS_OK)
        return false;
    same = strcmp(found, text) == 0;
    ds_free(found);
    return same;
}

static bool there(const char *name)
{
    struct stat s;

    return lstat(ts_path(dir, "%s", name), &s) == 0;
}

/* The number of a process that has ended. */
static long dead(void)
{
    pid_t p = fork();

    if (p == 0)
        _exit(0);
    assert_int_equal(waitpid(p, NULL, 0), p);
    return p;
}

static void appears_at_once(void **state)
{
    ds_error err = { 0 };
    ds_out_folder f;
    char inner[200];

    (void)state;
    ts_ok(ds__out_folder_open(&f, ts_path(dir, "deep/model///"), &err), &err);
    assert_false(there("deep/model"));
    snprintf(inner, sizeof inner, "%s/part", f.temp);
    ts_ok(ds_folder_make(inner, &err), &err);
    snprintf(inner, sizeof inner, "%s/part/w", f.temp);
    ts_ok(ds__file_write(inner, "1", 1, &err), &err);
    snprintf(inner, sizeof inner, "%s/mark", f.temp);
    ts_ok(ds__file_write(inner, "m", 1, &err), &err);
    ts_ok(ds__out_folder_commit(&f, "mark", &err), &err);
    assert_true(holds("deep/model/part/w", "1") && holds("deep/model/mark", "m"));
}

static void abandoned(void **state)
{
    ds_error err = { 0 };
    ds_out_folder f;
    char inner[200];

    (void)state;
    ts_ok(ds__out_folder_open(&f, ts_path(dir, "never"), &err), &err);
    snprintf(inner, sizeof inner, "%s/x", f.temp);
    ts_ok(ds__file_write(inner, "1", 1, &err), &err);
    ds__out_folder_abandon(&f);
    assert_false(there("never"));
    assert_int_not_equal(access(inner, F_OK), 0);
}

/* Into one that is there: the mark is gone while files move, and the user's files stay. */
static void joins(void **state)
{
    ds_error err = { 0 };
    ds_out_folder f;
    char inner[200];

    (void)state;
    ts_ok(ds_folder_make(ts_path(dir, "old/part"), &err), &err);
    put("old/mark", "old");
    put("old/part/w", "old");
    put("old/mine", "kept");
    ts_ok(ds__out_folder_open(&f, ts_path(dir, "old"), &err), &err);
    snprintf(inner, sizeof inner, "%s/part", f.temp);
    ts_ok(ds_folder_make(inner, &err), &err);
    snprintf(inner, sizeof inner, "%s/part/w", f.temp);
    ts_ok(ds__file_write(inner, "new", 3, &err), &err);
    snprintf(inner, sizeof inner, "%s/mark", f.temp);
    ts_ok(ds__file_write(inner, "new", 3, &err), &err);
    assert_true(holds("old/mark", "old"));
    ts_ok(ds__out_folder_commit(&f, "mark", &err), &err);
    assert_true(holds("old/mark", "new") && holds("old/part/w", "new") &&
                holds("old/mine", "kept"));
    assert_int_not_equal(access(inner, F_OK), 0);

    ts_ok(ds__out_folder_open(&f, ts_path(dir, "old"), &err), &err);
    ts_ok(ds__file_write((snprintf(inner, sizeof inner, "%s/mine", f.temp), inner), "2", 1, &err),
          &err);
    unlink(ts_path(dir, "old/mine"));
    assert_int_equal(symlink("mark", ts_path(dir, "old/mine")), 0);
    assert_int_equal(ds__out_folder_commit(&f, "mark", &err), DS_E_IO);
    assert_false(there("old/mark")); /* no half of a folder passes for a whole one */
}

static void leftovers(void **state)
{
    const long gone = dead();
    char name[100], other[100];
    ds_error err = { 0 };
    int fd;

    (void)state;
    ts_ok(ds_folder_make(ts_path(dir, "run/part/x.%ld-0.tmp", gone), &err), &err);
    snprintf(name, sizeof name, "run/part/x.%ld-0.tmp/y", gone);
    put(name, "1");
    snprintf(name, sizeof name, "run/a.%ld-3.tmp", gone);
    put(name, "1");
    snprintf(other, sizeof other, "run/a.%ld-0.tmp", (long)getpid());
    put(other, "mine");
    put("run/notes.tmp", "mine");
    put("run/12-3.tmp", "mine");
    put("run/a.-3.tmp", "mine");
    /* written on another machine: its lock is held */
    fd = open(ts_path(dir, "%s", name), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    ds__clean_leftovers(ts_path(dir, "run"), 3);
    assert_true(there(name));
    close(fd);
    ds__clean_leftovers(ts_path(dir, "run"), 3);
    assert_false(there(name));
    snprintf(name, sizeof name, "run/part/x.%ld-0.tmp", gone);
    assert_false(there(name));
    assert_true(there(other) && there("run/notes.tmp") && there("run/12-3.tmp") &&
                there("run/a.-3.tmp"));

    snprintf(name, sizeof name, "run/cat.png.%ld-0.tmp", gone);
    put(name, "1");
    snprintf(other, sizeof other, "run/dog.png.%ld-0.tmp", gone);
    put(other, "1");
    ds__clean_leftovers_of(ts_path(dir, "run/cat.png"));
    assert_true(!there(name) && there(other));
}

static void no_links_no_pipes(void **state)
{
    ds_error err = { 0 };
    int fd;

    (void)state;
    put("target", "precious");
    assert_int_equal(symlink("target", ts_path(dir, "link")), 0);
    assert_int_equal(symlink("nowhere", ts_path(dir, "dangling")), 0);
    assert_int_equal(mkfifo(ts_path(dir, "pipe"), 0600), 0);
    for (int i = 0; i < 3; i++) {
        const char *path = ts_path(dir, "%s", (const char *[]){ "link", "dangling", "pipe" }[i]);

        assert_int_equal(ds__file_write(path, "x", 1, &err), DS_E_IO);
        assert_non_null(strstr(err.text, "will not be replaced"));
        assert_int_equal(ds__file_append(&fd, path, &err), DS_E_IO);
        assert_true(there(strrchr(path, '/') + 1));
    }
    assert_true(holds("target", "precious"));
    ts_ok(ds__file_append(&fd, ts_path(dir, "target"), &err), &err);
    assert_int_equal(write(fd, "!", 1), 1);
    close(fd);
    assert_true(holds("target", "precious!"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_at_once),
        cmocka_unit_test(abandoned),
        cmocka_unit_test(joins),
        cmocka_unit_test(leftovers),
        cmocka_unit_test(no_links_no_pipes),
    };
    char command[100];
    int failed;

    snprintf(dir, sizeof dir, "/tmp/diffuscope-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) != 0 ? 1 : failed;
}
