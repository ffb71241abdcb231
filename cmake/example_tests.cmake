# Installs the library below the build folder, builds examples/cpp against what was installed, and runs it.
set(prefix "${CMAKE_BINARY_DIR}/prefix")
set(examples "${CMAKE_BINARY_DIR}/examples")
string(REPLACE ";" " " flags "${sanitizers}")

add_executable(write_model csrc/tests/write_model.cpp)
target_link_libraries(write_model PRIVATE gdl_cpu)

add_test(NAME install COMMAND ${CMAKE_COMMAND} --install "${CMAKE_BINARY_DIR}" --prefix "${prefix}")
add_test(NAME example_build COMMAND ${CMAKE_CTEST_COMMAND}
  --build-and-test "${PROJECT_SOURCE_DIR}/examples/cpp" "${examples}" --build-generator ${CMAKE_GENERATOR} --build-options
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
  "-DCMAKE_C_FLAGS=${flags}" "-DCMAKE_CXX_FLAGS=${flags}" -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE})
add_test(NAME example_models COMMAND write_model "${examples}")
set_tests_properties(install PROPERTIES FIXTURES_SETUP installed)
set_tests_properties(example_build PROPERTIES FIXTURES_SETUP example FIXTURES_REQUIRED installed)
set_tests_properties(example_models PROPERTIES FIXTURES_SETUP example DEPENDS example_build)

# Passes if what the program says matches `expect`; where that is empty, if its exit status is 0.
function(add_example_test name expect)
  list(POP_FRONT ARGN program)
  add_test(NAME example_${name} COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR} "${examples}/${program}" ${ARGN}
           WORKING_DIRECTORY "${examples}")
  set_tests_properties(example_${name} PROPERTIES FIXTURES_REQUIRED example FAIL_REGULAR_EXPRESSION "Sanitizer|runtime error")
  if(expect)
    set_tests_properties(example_${name} PROPERTIES PASS_REGULAR_EXPRESSION "${expect}")
  endif()
endfunction()

add_example_test(noise "" noise)
add_example_test(walk "walk: 20 pictures through 4 keyframes of 3 numbers" walk good.gdl 20 4 1)
add_example_test(no_file "nowhere.gdl: cannot be read" walk nowhere.gdl)
add_example_test(cut "cut.gdl: cut short" walk cut.gdl)
add_example_test(newer "newer.gdl: format 2" walk newer.gdl)
add_example_test(lie "lie.gdl: 'decoder.0.weight' is not as long as its shape says" walk lie.gdl)
add_example_test(kind "probe.gdl: a model of the kind probe/probe" walk probe.gdl)
add_example_test(text "text.gdl: not a .gdl file" walk text.gdl)
add_example_test(header "header.gdl: JSON, byte [0-9]+: nested too deeply" walk header.gdl)
add_example_test(number "FRAMES is 'many'; give a whole number" walk good.gdl many)
