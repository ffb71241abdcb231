#include "json.h"

#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace {

constexpr int kDeepest = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("more text behind the value");
    return value;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("JSON, byte " + std::to_string(at_) + ": " + what);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  void expect(char c) {
    skip_space();
    if (peek() != c) fail(std::string("expected '") + c + "'");
    ++at_;
  }

  bool take(char c) {
    skip_space();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json parse_value(int depth) {
    if (depth > kDeepest) fail("nested too deeply");
    skip_space();
    Json value;
    if (peek() == '{') {
      value.kind = Json::Object;
      parse_object(value, depth);
    } else if (peek() == '[') {
      value.kind = Json::Array;
      parse_array(value, depth);
    } else if (peek() == '"') {
      value.kind = Json::String;
      value.string = parse_string();
    } else if (take_word("true") || take_word("false")) {
      value.kind = Json::Boolean;
      value.boolean = text_[at_ - 2] == 'u';  // tr-u-e
    } else if (!take_word("null")) {
      value.kind = Json::Number;
      value.number = parse_number();
    }
    return value;
  }

  void parse_object(Json& value, int depth) {
    expect('{');
    if (take('}')) return;
    do {
      skip_space();
      const std::string key = parse_string();
      expect(':');
      if (!value.object.emplace(key, parse_value(depth + 1)).second) fail("'" + key + "' is given twice");
    } while (take(','));
    expect('}');
  }

  void parse_array(Json& value, int depth) {
    expect('[');
    if (take(']')) return;
    do value.array.push_back(parse_value(depth + 1));
    while (take(','));
    expect(']');
  }

  double parse_number() {
    const size_t end = text_.find_first_not_of("+-.0123456789eE", at_);
    const std::string digits(text_.substr(at_, end == std::string_view::npos ? end : end - at_));
    char* rest = nullptr;
    const double number = std::strtod(digits.c_str(), &rest);
    if (digits.empty() || *rest != '\0') fail("expected a value");
    at_ += digits.size();
    return number;
  }

  unsigned parse_hex() {
    if (at_ + 4 > text_.size()) fail("cut short");
    const std::string digits(text_.substr(at_, 4));
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) fail("expected four hex digits");
    at_ += 4;
    return static_cast<unsigned>(std::strtoul(digits.c_str(), nullptr, 16));
  }

  void append_utf8(std::string& out, unsigned code) const {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  void parse_escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char name = peek();
    ++at_;
    if (name == 'u') {
      unsigned code = parse_hex();
      if (code >= 0xD800 && code < 0xDC00) {  // the first of a surrogate pair
        if (!take_word("\\u")) fail("half a surrogate pair");
        const unsigned low = parse_hex();
        if (low < 0xDC00 || low >= 0xE000) fail("half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      append_utf8(out, code);
      return;
    }
    const size_t index = name ? kNames.find(name) : std::string_view::npos;
    if (index == std::string_view::npos) fail("unknown escape");
    out += kMeanings[index];
  }

  std::string parse_string() {
    if (peek() != '"') fail("expected a string");
    ++at_;
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c == '\\') parse_escape(out);
      else out += c;
    }
    fail("a string without an end");
  }
};

}  // namespace

Json Json::parse(std::string_view text) { return Parser(text).document(); }

const Json& Json::at(const std::string& key) const {
  const auto found = object.find(key);
  if (found == object.end()) throw std::runtime_error("'" + key + "' is missing");
  return found->second;
}

const std::string& Json::as_string(const char* what) const {
  if (kind != String) throw std::runtime_error(std::string(what) + " is not a text");
  return string;
}

const std::vector<Json>& Json::as_array(const char* what) const {
  if (kind != Array) throw std::runtime_error(std::string(what) + " is not a list");
  return array;
}

long long Json::as_count(const char* what) const {
  if (kind != Number || !(number >= 0.0 && number <= 0x1p53) || number != std::floor(number)) {
    throw std::runtime_error(std::string(what) + " is not a whole number");
  }
  return static_cast<long long>(number);
}
