/* SPDX-License-Identifier: MIT
 *
 * hoop_file_load.
 */
#include "file_scene.h"

struct loaded {
    void *data;
    size_t size;
};

static int load(const char *path, size_t limit, struct loaded *loaded)
{
    *loaded = (struct loaded){.size = 99};
    return hoop_file_load(path, limit, &loaded->data, &loaded->size);
}

static void assert_not_loaded(const char *path, size_t limit, int error)
{
    struct loaded loaded;
    assert_int_equal(load(path, limit, &loaded), error);
    assert_null(loaded.data);
    assert_int_equal(loaded.size, 99);
}

IN_A_TASK(a_whole_file_is_loaded_whatever_its_size)
{
    const size_t sizes[] = {0, 1, 4095, 4096, 4097, 70000, 5000001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct file_scene scene;
        struct loaded loaded;
        scene_init(&scene);
        scene_fill(&scene, sizes[i]);
        assert_int_equal(load(scene.path, 0, &loaded), 0);
        assert_int_equal(loaded.size, sizes[i]);
        assert_true(is_pattern(loaded.data, loaded.size, 0));
        assert_int_equal(((char *)loaded.data)[loaded.size], 0);
        hoop_file_free(loaded.data);
        scene_done(&scene);
    }
}

IN_A_TASK(files_that_do_not_know_their_size_are_loaded)
{
    struct loaded loaded;
    assert_int_equal(load("/proc/self/status", 0, &loaded), 0);
    assert_int_equal(strlen(loaded.data), loaded.size);
    assert_non_null(strstr(loaded.data, "\nPid:\t"));
    hoop_file_free(loaded.data);
    assert_int_equal(load("/dev/null", 0, &loaded), 0);
    assert_int_equal(loaded.size, 0);
    hoop_file_free(loaded.data);
}

IN_A_TASK(a_file_may_have_the_limit_and_not_a_byte_more)
{
    struct file_scene scene;
    struct loaded loaded;
    scene_init(&scene);
    scene_fill(&scene, 10000);
    assert_int_equal(load(scene.path, 10000, &loaded), 0);
    assert_int_equal(loaded.size, 10000);
    hoop_file_free(loaded.data);
    assert_not_loaded(scene.path, 9999, -EFBIG);
    assert_not_loaded("/proc/self/status", 10, -EFBIG);
    assert_not_loaded("/dev/zero", 3000000, -EFBIG);
    scene_done(&scene);
}

IN_A_TASK(what_cannot_be_loaded_tells_why)
{
    assert_not_loaded("no such file", 0, -ENOENT);
    assert_not_loaded(".", 0, -EISDIR);
    hoop_file_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_whole_file_is_loaded_whatever_its_size),
        BEHAVIOUR(files_that_do_not_know_their_size_are_loaded),
        BEHAVIOUR(a_file_may_have_the_limit_and_not_a_byte_more),
        BEHAVIOUR(what_cannot_be_loaded_tells_why),
    };
    return cmocka_run_group_tests_name("file_load", tests, NULL, NULL);
}
