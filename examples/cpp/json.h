// The little of JSON that model files need: a value read from text.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

struct Json {
  enum Kind { Null, Boolean, Number, String, Array, Object };

  Kind kind = Null;
  bool boolean = false;
  double number = 0.0;
  std::string string;
  std::vector<Json> array;
  std::map<std::string, Json> object;

  // Throws std::runtime_error with the place and what is wrong there.
  static Json parse(std::string_view text);

  // The member of an object; throws std::runtime_error where this is no object or has no such member.
  const Json& at(const std::string& key) const;
  // Throw std::runtime_error, with `what` in its text, where the value is of another kind.
  const std::string& as_string(const char* what) const;
  const std::vector<Json>& as_array(const char* what) const;
  long long as_count(const char* what) const;  // a whole number from 0 to 2^53
};
